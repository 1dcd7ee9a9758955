"""One judge a kind of file: may this be loaded?"""
